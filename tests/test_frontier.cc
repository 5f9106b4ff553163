// frontier
