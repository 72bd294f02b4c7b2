const char *date = "date";
