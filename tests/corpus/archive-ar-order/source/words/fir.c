const char *fir = "fir";
