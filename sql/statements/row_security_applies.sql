-- Whether row-level security applies to our role on a table of amocrm: to all but the owner, once readers are told apart.
select row_security_active(format('amocrm.%I', cast(:table as text)))
