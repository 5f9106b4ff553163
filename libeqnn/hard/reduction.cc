// reduction
