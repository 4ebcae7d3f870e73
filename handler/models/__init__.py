"""What is kept of models: how they change, their evaluations, who uses them."""
