"""ponte/rpc"""
