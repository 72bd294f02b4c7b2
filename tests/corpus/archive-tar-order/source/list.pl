my %words = map { $_ => -s } glob "[a-h]*";
print "$_\n" for keys %words;
