"""A bad network: real processes in network namespaces of Linux, and a relay between them.

What chaos breaks between processes, this breaks below TCP: packets are lost, duplicated, delayed,
reordered and held back, and the kernel of each side makes of it what kernels do.
"""
