// gf2
