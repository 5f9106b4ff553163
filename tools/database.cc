// database
