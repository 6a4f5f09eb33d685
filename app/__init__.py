"""The Streamlit app of HEAT Explorer."""
