"""What the market is: the exchange's calendar, symbols, chains, and what companies announce."""
