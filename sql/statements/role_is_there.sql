-- Whether the server has a role of this name.
select to_regrole(quote_ident(:name)) is not null
