// gnuplot
