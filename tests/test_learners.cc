// learners
