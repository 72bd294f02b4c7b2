const char *birch = "birch";
