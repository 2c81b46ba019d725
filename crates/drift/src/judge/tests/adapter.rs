//! The fold's cells read as the judge reads them.
