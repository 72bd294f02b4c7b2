const char *elm = "elm";
