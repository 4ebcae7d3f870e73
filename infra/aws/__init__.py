"""The backend on AWS: the account, the stack, the function, and the commands for them."""
