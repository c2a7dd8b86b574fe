"""HTTP routes beside those of Streamlit, the guard of all requests, and what the server does when it starts."""
