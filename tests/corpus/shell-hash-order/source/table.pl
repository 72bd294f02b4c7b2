my %codes = (ash => 1, birch => 2, cedar => 3, date => 4, elm => 5, fir => 6, gum => 7, hazel => 8, iroko => 9);
print "$_ $codes{$_}\n" for keys %codes;
