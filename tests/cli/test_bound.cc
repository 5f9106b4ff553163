// bound
