unsigned int built(void)
{
	return BUILT;
}
