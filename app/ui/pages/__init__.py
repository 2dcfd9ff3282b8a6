"""One file per page: small, declared, asking through the bridge; no page touches records, keyring or a process."""
