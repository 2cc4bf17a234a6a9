"""Ways to reach a machine: SSH by paramiko, and a Bash on this one."""
