"""ponte/process"""
