const char *hazel = "hazel";
