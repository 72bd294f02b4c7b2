const char *word(void)
{
	return "semper eadem";
}
