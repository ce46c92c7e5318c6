"""From raw accounts to inputs: capital, labor, shares and prices."""
