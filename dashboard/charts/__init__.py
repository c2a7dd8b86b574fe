"""DataFrame in, plotly figure out. No module here, nor any that it imports, needs Streamlit."""
