"""What is known of jobs and servers: record, store, and one poller thread per server."""
