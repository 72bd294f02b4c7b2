const char *gum = "gum";
