//! What is in a vault: backup items and instances, their repositories and credentials, recovery points, restores.
