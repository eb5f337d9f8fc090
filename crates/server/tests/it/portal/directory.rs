//! People, groups, guests, applications and their ways to sign in; and the ledger.
