"""The world outside: sockets, processes, pipes, the kernel. Told what to do by others; decides nothing about Lambda."""
