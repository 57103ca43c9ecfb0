"""A post becomes a lead, and a lead goes from stage to stage."""
