"""Measurements of Ponte beside its peers: python3 -m bench"""
