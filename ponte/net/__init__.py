"""ponte/net"""
