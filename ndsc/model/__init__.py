"""Backbones, cut at the freeze line; the engines that run the frozen part; the assembled classifier."""
