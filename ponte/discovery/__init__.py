"""ponte/discovery"""
