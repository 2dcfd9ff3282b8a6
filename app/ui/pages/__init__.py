"""One file or folder per page: small, asking through the bridge; none touches records, keyring or a process."""
