// learner_run
