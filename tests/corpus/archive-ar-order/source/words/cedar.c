const char *cedar = "cedar";
