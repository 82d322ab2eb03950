"""The database: tables of the application, connections and migrations."""
