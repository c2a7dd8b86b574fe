"""HTTP routes beside those of Streamlit, and what the server does when it starts."""
