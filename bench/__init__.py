"""Measurements, side by side with peers: python3 -m bench"""
