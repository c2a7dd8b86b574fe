"""The models for other programs, over HTTP: `POST /api/predict`, `GET /api/models`, `GET /api/openapi.json`."""
