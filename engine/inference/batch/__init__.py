"""Pictures that somebody asks about: kept in a folder with the answers of any run, made in the background where they are many."""
