"""The building blocks of the pages. It knows Streamlit and the engine's torch-free half; torch is loaded by calls that need it."""
