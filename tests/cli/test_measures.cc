// measures
