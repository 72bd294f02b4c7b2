const char *ash = "ash";
