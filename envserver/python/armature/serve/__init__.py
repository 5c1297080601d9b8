"""Hosts Gymnasium environments for actors and clients: the program ``armature-serve``."""
