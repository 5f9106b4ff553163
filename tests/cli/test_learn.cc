// learn
